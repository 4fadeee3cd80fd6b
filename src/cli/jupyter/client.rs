//! The other side: a front end that starts the kernel and runs cells, for `doctor` and for tests.

use crate::text::without_colour;
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, ClientStdinConnection,
    ConnectionInfo, ExecuteReply, ExecuteRequest, ExecutionState, InputReply, InterruptRequest,
    JupyterMessage, JupyterMessageContent as Content, KernelInfoRequest, ReplyStatus,
    ShutdownRequest, Stdio, connection::create_client_control_connection,
    connection::create_client_iopub_connection,
    connection::create_client_shell_connection_with_identity,
    connection::create_client_stdin_connection_with_identity, peer_identity_for_session,
};
use serde_json::json;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// A running kernel, and the connections to it.
pub struct Client {
    pub child: Child,
    shell: ClientShellConnection,
    control: ClientControlConnection,
    stdin: ClientStdinConnection,
    iopub: ClientIoPubConnection,
    /// How long an answer may take.
    pub patience: Duration,
    /// Holds the connection file.
    _folder: TempDir,
    /// Dropped last: the connections live in it.
    runtime: Runtime,
}

/// What came of a cell.
#[derive(Debug)]
pub struct Ran {
    pub reply: ExecuteReply,
    /// What was published, in order, without the states and the input.
    pub outputs: Vec<Content>,
}

impl Ran {
    /// What was printed to stdout.
    pub fn stdout(&self) -> String {
        self.printed(|to| matches!(to, Stdio::Stdout))
    }

    /// What was printed to stderr.
    pub fn stderr(&self) -> String {
        self.printed(|to| matches!(to, Stdio::Stderr))
    }

    fn printed(&self, wanted: fn(&Stdio) -> bool) -> String {
        let texts = self.outputs.iter().filter_map(|output| match output {
            Content::StreamContent(stream) if wanted(&stream.name) => Some(stream.text.as_str()),
            _ => None,
        });
        without_colour(&texts.collect::<String>())
    }

    /// The result of this media type.
    pub fn shown(&self, mime: &str) -> Option<String> {
        self.outputs.iter().find_map(|output| match output {
            Content::ExecuteResult(result) => {
                let data = serde_json::to_value(&result.data).ok()?;
                data[mime].as_str().map(str::to_string)
            }
            _ => None,
        })
    }

    /// The error's name and its text, without colours.
    pub fn error(&self) -> Option<(String, String)> {
        self.outputs.iter().find_map(|output| match output {
            Content::ErrorOutput(error) => {
                let text = without_colour(&error.traceback.join("\n"));
                Some((error.ename.clone(), text))
            }
            _ => None,
        })
    }
}

impl Client {
    /// Starts `command` with the name of a connection file as its last word, and waits until the
    /// kernel has answered.
    ///
    /// # Errors
    /// A sentence when there is no answer in time.
    pub fn start(mut command: Command, patience: Duration) -> Result<Client, String> {
        let say = |error: std::io::Error| error.to_string();
        // Held until the kernel starts, so that nobody else takes the ports.
        let ports: Result<Vec<TcpListener>, _> =
            (0..5).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
        let ports = ports.map_err(say)?;
        let port = |i: usize| ports[i].local_addr().map(|address| address.port());
        let json = json!({
            "ip": "127.0.0.1",
            "transport": "tcp",
            "shell_port": port(0).map_err(say)?,
            "iopub_port": port(1).map_err(say)?,
            "stdin_port": port(2).map_err(say)?,
            "control_port": port(3).map_err(say)?,
            "hb_port": port(4).map_err(say)?,
            "key": format!("{:016x}", rand::random::<u64>()),
            "signature_scheme": "hmac-sha256",
        });
        drop(ports);
        let folder = tempfile::tempdir().map_err(say)?;
        let file = folder.path().join("connection.json");
        std::fs::write(&file, json.to_string()).map_err(say)?;
        let info: ConnectionInfo =
            serde_json::from_value(json).map_err(|error| error.to_string())?;
        command
            .arg(&file)
            .env("JPY_PARENT_PID", std::process::id().to_string());
        let mut child = command.spawn().map_err(say)?;
        // A thread of its own: what is sent goes out at once, and not when the next is awaited.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(say)?;
        let connected = runtime.block_on(async { timeout(patience, connect(&info)).await });
        let (shell, control, stdin, iopub) = match connected {
            Ok(Ok(connections)) => connections,
            other => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(match other {
                    Ok(Err(error)) => error,
                    _ => "the kernel does not listen".to_string(),
                });
            }
        };
        let mut client = Client {
            child,
            shell,
            control,
            stdin,
            iopub,
            patience,
            _folder: folder,
            runtime,
        };
        client.ask(KernelInfoRequest {})?;
        Ok(client)
    }

    /// Asks on the shell channel, and gives the answer.
    ///
    /// # Errors
    /// A sentence when there is none in time.
    pub fn ask(&mut self, content: impl Into<Content>) -> Result<Content, String> {
        let message = JupyterMessage::new(content, None);
        let id = message.header.msg_id.clone();
        self.send(message)?;
        self.answer(&id)
    }

    /// Sends a cell; gives its id.
    ///
    /// # Errors
    /// A sentence when it cannot be sent.
    pub fn post(&mut self, code: &str, questions: bool) -> Result<String, String> {
        let mut request = ExecuteRequest::new(code.to_string());
        request.allow_stdin = questions;
        let message = JupyterMessage::new(request, None);
        let id = message.header.msg_id.clone();
        self.send(message)?;
        Ok(id)
    }

    fn send(&mut self, message: JupyterMessage) -> Result<(), String> {
        let sent = self.runtime.block_on(self.shell.send(message));
        sent.map_err(|error| error.to_string())
    }

    fn answer(&mut self, id: &str) -> Result<Content, String> {
        let patience = self.patience;
        let read = async {
            loop {
                let message = self.shell.read().await.map_err(|error| error.to_string())?;
                if belongs(&message, id) {
                    return Ok(message.content);
                }
            }
        };
        self.runtime
            .block_on(async { timeout(patience, read).await })
            .unwrap_or_else(|_| Err("the kernel does not answer".to_string()))
    }

    /// The next thing that is published for a cell; none once it is over.
    ///
    /// # Errors
    /// A sentence when nothing comes in time.
    pub fn output(&mut self, id: &str) -> Result<Option<Content>, String> {
        let patience = self.patience;
        let read = async {
            loop {
                let message = self.iopub.read().await.map_err(|error| error.to_string())?;
                if !belongs(&message, id) {
                    continue;
                }
                match message.content {
                    Content::Status(status) if status.execution_state == ExecutionState::Idle => {
                        return Ok(None);
                    }
                    Content::Status(_) | Content::ExecuteInput(_) => {}
                    other => return Ok(Some(other)),
                }
            }
        };
        self.runtime
            .block_on(async { timeout(patience, read).await })
            .unwrap_or_else(|_| Err("the cell does not end".to_string()))
    }

    /// Waits for the rest of a cell.
    ///
    /// # Errors
    /// A sentence when it does not end in time.
    pub fn rest(&mut self, id: &str) -> Result<Ran, String> {
        let mut outputs = Vec::new();
        while let Some(output) = self.output(id)? {
            outputs.push(output);
        }
        match self.answer(id)? {
            Content::ExecuteReply(reply) => Ok(Ran { reply, outputs }),
            other => Err(format!("{} came for a cell", other.message_type())),
        }
    }

    /// Runs a cell.
    ///
    /// # Errors
    /// A sentence when it does not end in time.
    pub fn run(&mut self, code: &str) -> Result<Ran, String> {
        let id = self.post(code, false)?;
        self.rest(&id)
    }

    /// Waits for a question, and answers it. Gives the question.
    ///
    /// # Errors
    /// A sentence when there is none in time.
    pub fn answer_question(&mut self, answer: &str) -> Result<String, String> {
        let patience = self.patience;
        let (stdin, runtime) = (&mut self.stdin, &self.runtime);
        runtime.block_on(async {
            let read = timeout(patience, stdin.read()).await;
            let asked = read.map_err(|_| "nothing is asked".to_string())?;
            let asked = asked.map_err(|error| error.to_string())?;
            let Content::InputRequest(request) = &asked.content else {
                return Err(format!("{} came for a question", asked.message_type()));
            };
            let reply = InputReply {
                value: answer.to_string(),
                status: ReplyStatus::Ok,
                error: None,
            };
            let sent = stdin.send(JupyterMessage::new(reply, Some(&asked))).await;
            sent.map_err(|error| error.to_string())?;
            Ok(request.prompt.clone())
        })
    }

    /// Stops the running cell.
    ///
    /// # Errors
    /// A sentence when the kernel does not take it.
    pub fn interrupt(&mut self) -> Result<(), String> {
        self.control(InterruptRequest {}).map(drop)
    }

    /// Tells the kernel to end, and waits for that. Gives how long it took.
    ///
    /// # Errors
    /// A sentence when it goes on.
    pub fn shut_down(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        self.control(ShutdownRequest { restart: false })?;
        while start.elapsed() < self.patience {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return Ok(start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("the kernel does not end".to_string())
    }

    fn control(&mut self, content: impl Into<Content>) -> Result<Content, String> {
        let patience = self.patience;
        let (control, runtime) = (&mut self.control, &self.runtime);
        let asked = async {
            let sent = control.send(JupyterMessage::new(content, None)).await;
            sent.map_err(|error| error.to_string())?;
            let answer = control.read().await.map_err(|error| error.to_string())?;
            Ok(answer.content)
        };
        runtime
            .block_on(async { timeout(patience, asked).await })
            .unwrap_or_else(|_| Err("the kernel does not answer".to_string()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Fails when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn belongs(message: &JupyterMessage, id: &str) -> bool {
    let parent = message.parent_header.as_ref();
    parent.is_some_and(|parent| parent.msg_id == id)
}

type Connections = (
    ClientShellConnection,
    ClientControlConnection,
    ClientStdinConnection,
    ClientIoPubConnection,
);

async fn connect(info: &ConnectionInfo) -> Result<Connections, String> {
    let session = JupyterMessage::new(KernelInfoRequest {}, None)
        .header
        .session;
    let connect = async {
        let identity = peer_identity_for_session(&session)?;
        let shell =
            create_client_shell_connection_with_identity(info, &session, identity.clone()).await?;
        let stdin = create_client_stdin_connection_with_identity(info, &session, identity).await?;
        let control = create_client_control_connection(info, &session).await?;
        let iopub = create_client_iopub_connection(info, "", &session).await?;
        Ok((shell, control, stdin, iopub))
    };
    let connected: Result<_, jupyter_zmq_client::RuntimeError> = connect.await;
    connected.map_err(|error| error.to_string())
}
