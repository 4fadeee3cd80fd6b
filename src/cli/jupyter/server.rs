//! Jupyter's messages, in and out. <https://jupyter-client.readthedocs.io/en/stable/messaging.html>

use super::cell::{completion, incomplete};
use super::kernel::{Job, Note};
use crate::cli::Stream;
use crate::cli::lab::{interrupt, interrupted};
use crate::cli::workbench::{Contents, Names, Trouble};
use crate::text::{Lang, without_colour};
use colored::Colorize;
use jupyter_zmq_client::{
    CodeMirrorMode, CommInfoReply, CompleteReply, ConnectionInfo, ErrorOutput, ExecuteInput,
    ExecuteReply, ExecuteRequest, ExecuteResult, ExecutionCount, HelpLink, HistoryReply,
    InputRequest, InspectReply, InterruptReply, IsCompleteReply, JupyterMessage,
    JupyterMessageContent as Content, KernelHeartbeatConnection, KernelInfoReply,
    KernelIoPubConnection, KernelShellConnection, LanguageInfo, Media, MediaType, ReplyError,
    ReplyStatus, RuntimeError, ShutdownReply, Status, Stdio, StreamContent,
    create_kernel_control_connection, create_kernel_heartbeat_connection,
    create_kernel_iopub_connection, create_kernel_shell_connection, create_kernel_stdin_connection,
};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{interval, sleep};

/// The other thread's ends.
pub struct Side {
    pub jobs: Sender<Job>,
    pub answers: Sender<String>,
    pub notes: Receiver<Note>,
    pub names: Box<dyn Fn() -> Names + Send>,
    pub lang: Lang,
}

/// Printed text goes in messages of about this many bytes, so many milliseconds apart: faster,
/// Jupyter's server would leave it out.
const CHUNK: usize = 32 * 1024;
const PAUSE: Duration = Duration::from_millis(40);

/// The connection file that Jupyter wrote.
///
/// # Errors
/// A sentence when it is none.
pub fn connection(file: &Path, lang: Lang) -> Result<ConnectionInfo, String> {
    let shown = file.display();
    let read = std::fs::read(file).map_err(|error| error.to_string());
    let info = read.and_then(|json| {
        serde_json::from_slice::<ConnectionInfo>(&json).map_err(|error| error.to_string())
    });
    info.map_err(|error| {
        lang.pick(
            format!("{shown} is no connection file of Jupyter's: {error}"),
            format!("{shown} 不是 Jupyter 的连接文件：{error}"),
        )
    })
}

/// Answers until a shutdown, or until Jupyter is gone.
///
/// # Errors
/// A sentence when the ports cannot be taken.
pub fn run(info: &ConnectionInfo, side: Side) -> Result<(), String> {
    let lang = side.lang;
    let cannot = |error: &dyn std::fmt::Display| {
        lang.pick(
            format!("cannot listen where Jupyter asks for it: {error}"),
            format!("无法在 Jupyter 指定的地址监听：{error}"),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| cannot(&error))?;
    runtime.block_on(async {
        let (server, heartbeat) = Server::bind(info, side)
            .await
            .map_err(|error| cannot(&error))?;
        tokio::spawn(beat(heartbeat));
        server.serve().await;
        Ok(())
    })
}

async fn beat(mut heartbeat: KernelHeartbeatConnection) {
    loop {
        if heartbeat.single_heartbeat().await.is_err() {
            sleep(PAUSE).await;
        }
    }
}

/// A cell that runs.
struct Running {
    message: JupyterMessage,
    request: ExecuteRequest,
}

struct Server {
    shell: KernelShellConnection,
    control: KernelShellConnection,
    stdin: KernelShellConnection,
    iopub: KernelIoPubConnection,
    side: Side,
    /// Cells that wait.
    queue: VecDeque<Running>,
    running: Option<Running>,
    /// How many cells have been counted.
    count: usize,
    parent: Parent,
    ended: bool,
}

impl Server {
    async fn bind(
        info: &ConnectionInfo,
        side: Side,
    ) -> Result<(Server, KernelHeartbeatConnection), RuntimeError> {
        let session = JupyterMessage::new(Status::starting(), None).header.session;
        let server = Server {
            shell: create_kernel_shell_connection(info, &session).await?,
            control: create_kernel_control_connection(info, &session).await?,
            stdin: create_kernel_stdin_connection(info, &session).await?,
            iopub: create_kernel_iopub_connection(info, &session).await?,
            side,
            queue: VecDeque::new(),
            running: None,
            count: 0,
            parent: Parent::now(),
            ended: false,
        };
        Ok((server, create_kernel_heartbeat_connection(info).await?))
    }

    async fn serve(mut self) {
        let mut second = interval(Duration::from_secs(1));
        self.publish(Status::starting(), None).await;
        while !self.ended {
            tokio::select! {
                message = self.control.read() => match message {
                    Ok(message) => self.control(message).await,
                    Err(_) => sleep(PAUSE).await,
                },
                message = self.shell.read() => match message {
                    Ok(message) => self.shell(message).await,
                    // Not meant for us, or not signed by Jupyter.
                    Err(_) => sleep(PAUSE).await,
                },
                message = self.stdin.read() => match message {
                    Ok(JupyterMessage { content: Content::InputReply(reply), .. }) => {
                        // Whoever asked may have been stopped.
                        let _ = self.side.answers.send(reply.value);
                    }
                    Ok(_) => {}
                    Err(_) => sleep(PAUSE).await,
                },
                note = self.side.notes.recv() => match note {
                    Some(note) => self.note(note).await,
                    None => self.ended = true,
                },
                _ = second.tick() => self.ended |= self.parent.is_gone(),
            }
        }
        if self.running.is_some() {
            interrupt();
        }
        // What was sent last is still on its way.
        sleep(PAUSE).await;
        std::thread::spawn(|| {
            // A command that does not let itself be stopped ends with the process.
            std::thread::sleep(Duration::from_secs(2));
            std::process::exit(0);
        });
    }

    /// Sends to everyone who listens. What cannot be sent is lost: its reader is gone.
    async fn publish(&mut self, content: impl Into<Content>, parent: Option<&JupyterMessage>) {
        let mut message = message(content, parent);
        let topic = message.header.msg_type.clone().into_bytes();
        message.zmq_identities = vec![topic.into()];
        let _ = self.iopub.send(message).await;
    }

    /// Sends what belongs to the running cell, unless it is to be silent.
    async fn tell(&mut self, content: impl Into<Content>) {
        let Some(running) = &self.running else { return };
        let (parent, silent) = (running.message.clone(), running.request.silent);
        if !silent {
            self.publish(content, Some(&parent)).await;
        }
    }

    async fn reply(&mut self, content: impl Into<Content>, parent: &JupyterMessage) {
        let _ = self.shell.send(message(content, Some(parent))).await;
    }

    /// What either channel may be asked: an interrupt, the end, who this is.
    fn anywhere(&mut self, asked: &Content) -> Option<Content> {
        Some(match asked {
            Content::InterruptRequest(_) => {
                // One that comes too late stops nothing.
                if self.running.is_some() {
                    interrupt();
                }
                InterruptReply::new().into()
            }
            Content::ShutdownRequest(request) => {
                self.ended = true;
                shutdown(request.restart).into()
            }
            Content::KernelInfoRequest(_) => kernel_info(self.side.lang).into(),
            _ => return None,
        })
    }

    /// Something that is asked beside the cells.
    async fn control(&mut self, asked: JupyterMessage) {
        self.publish(Status::busy(), Some(&asked)).await;
        if let Some(answer) = self.anywhere(&asked.content) {
            let _ = self.control.send(message(answer, Some(&asked))).await;
        }
        self.publish(Status::idle(), Some(&asked)).await;
    }

    async fn shell(&mut self, asked: JupyterMessage) {
        if let Content::ExecuteRequest(request) = &asked.content {
            let request = request.clone();
            let message = asked;
            self.queue.push_back(Running { message, request });
            self.next().await;
            return;
        }
        self.publish(Status::busy(), Some(&asked)).await;
        let answer: Option<Content> = match &asked.content {
            Content::IsCompleteRequest(request) => Some(match incomplete(&request.code) {
                Some(indent) => IsCompleteReply::incomplete(indent).into(),
                None => IsCompleteReply::complete().into(),
            }),
            Content::CompleteRequest(request) => {
                let names = (self.side.names)();
                let found = completion(&request.code, request.cursor_pos, &names);
                let reply = CompleteReply {
                    matches: found.matches,
                    cursor_start: found.start,
                    cursor_end: found.end,
                    metadata: serde_json::Map::new(),
                    status: ReplyStatus::Ok,
                    error: None,
                };
                Some(reply.into())
            }
            Content::InspectRequest(_) => {
                let reply = InspectReply {
                    found: false,
                    data: Media::default(),
                    metadata: serde_json::Map::new(),
                    status: ReplyStatus::Ok,
                    error: None,
                };
                Some(reply.into())
            }
            Content::HistoryRequest(_) => Some(HistoryReply::new(Vec::new()).into()),
            Content::CommInfoRequest(_) => {
                let reply = CommInfoReply {
                    status: ReplyStatus::Ok,
                    comms: HashMap::new(),
                    error: None,
                };
                Some(reply.into())
            }
            other => self.anywhere(other),
        };
        if let Some(answer) = answer {
            self.reply(answer, &asked).await;
        }
        self.publish(Status::idle(), Some(&asked)).await;
    }

    /// Starts the next cell, if none runs.
    async fn next(&mut self) {
        if self.running.is_some() {
            return;
        }
        let Some(next) = self.queue.pop_front() else {
            return;
        };
        self.publish(Status::busy(), Some(&next.message)).await;
        if !next.request.silent && next.request.store_history {
            self.count += 1;
        }
        let code = next.request.code.clone();
        let questions = next.request.allow_stdin;
        self.running = Some(next);
        let execution_count = ExecutionCount::new(self.count);
        self.tell(ExecuteInput {
            code: code.clone(),
            execution_count,
        })
        .await;
        // One that came too late for the cell that it was meant for.
        interrupted();
        if self.side.jobs.send(Job { code, questions }).is_err() {
            self.ended = true;
        }
    }

    /// Passes on what comes from the running cell.
    async fn note(&mut self, note: Note) {
        match note {
            Note::Said(stream, text) => self.said(stream, text).await,
            Note::Shown(contents) => {
                let count = ExecutionCount::new(self.count);
                self.tell(ExecuteResult::new(count, media(contents))).await;
            }
            Note::Question(prompt) => {
                if let Some(running) = &self.running {
                    let password = false;
                    let content = InputRequest { prompt, password };
                    let _ = self
                        .stdin
                        .send(message(content, Some(&running.message)))
                        .await;
                }
            }
            Note::Done(done) => self.done(done).await,
        }
    }

    /// Sends printed text, as much at once as there is.
    async fn said(&mut self, stream: Stream, mut text: String) {
        let mut other = None;
        while text.len() < CHUNK && other.is_none() {
            match self.side.notes.try_recv() {
                Ok(Note::Said(to, more)) if to == stream => text += &more,
                Ok(note) => other = Some(note),
                Err(_) => break,
            }
        }
        let pause = text.len() >= CHUNK;
        let name = match stream {
            Stream::Out => Stdio::Stdout,
            Stream::Err => Stdio::Stderr,
        };
        self.tell(StreamContent { name, text }).await;
        if pause {
            sleep(PAUSE).await;
        }
        if let Some(note) = other {
            Box::pin(self.note(note)).await;
        }
    }

    async fn done(&mut self, done: Result<(), Trouble>) {
        let error = done.err().map(|trouble| error(&trouble, self.side.lang));
        if let Some(error) = &error {
            self.tell(ErrorOutput {
                ename: error.ename.clone(),
                evalue: error.evalue.clone(),
                traceback: error.traceback.clone(),
            })
            .await;
        }
        let Some(Running { message, request }) = self.running.take() else {
            return;
        };
        let failed = error.is_some();
        let status = match failed {
            true => ReplyStatus::Error,
            false => ReplyStatus::Ok,
        };
        self.finish(&message, status, error).await;
        if failed && request.stop_on_error {
            for Running { message, .. } in std::mem::take(&mut self.queue) {
                self.publish(Status::busy(), Some(&message)).await;
                self.finish(&message, ReplyStatus::Aborted, None).await;
            }
        }
        self.next().await;
    }

    async fn finish(
        &mut self,
        asked: &JupyterMessage,
        status: ReplyStatus,
        error: Option<ReplyError>,
    ) {
        let reply = ExecuteReply {
            status,
            execution_count: ExecutionCount::new(self.count),
            payload: Vec::new(),
            user_expressions: Some(HashMap::new()),
            error: error.map(Box::new),
        };
        self.reply(reply, asked).await;
        self.publish(Status::idle(), Some(asked)).await;
    }
}

fn message(content: impl Into<Content>, parent: Option<&JupyterMessage>) -> JupyterMessage {
    let mut message = JupyterMessage::new(content, parent);
    message.header.username = "llmlab".to_string();
    message
}

fn shutdown(restart: bool) -> ShutdownReply {
    ShutdownReply {
        restart,
        status: ReplyStatus::Ok,
        error: None,
    }
}

fn kernel_info(lang: Lang) -> KernelInfoReply {
    KernelInfoReply {
        status: ReplyStatus::Ok,
        protocol_version: "5.3".to_string(),
        implementation: "llmlab".to_string(),
        implementation_version: env!("CARGO_PKG_VERSION").to_string(),
        language_info: LanguageInfo {
            name: "rust".to_string(),
            version: String::new(),
            mimetype: Some("text/rust".to_string()),
            file_extension: Some(".rs".to_string()),
            pygments_lexer: Some("rust".to_string()),
            codemirror_mode: Some(CodeMirrorMode::Simple("rust".to_string())),
            nbconvert_exporter: None,
        },
        banner: lang
            .pick(
                "llmlab: Rust and the commands of llmlab; `:help` lists them",
                "llmlab：Rust 与 llmlab 的命令；`:help` 列出全部命令",
            )
            .to_string(),
        help_links: vec![HelpLink {
            text: "Rust".to_string(),
            url: "https://doc.rust-lang.org/stable/std/".to_string(),
        }],
        debugger: false,
        error: None,
    }
}

/// Contents as Jupyter takes them: texts as they are, JSON as JSON.
fn media(contents: Contents) -> Media {
    let value = |mime: &str, text: String| match mime.ends_with("json") {
        true => serde_json::from_str(&text).unwrap_or(text.into()),
        false => serde_json::Value::String(text),
    };
    let data: serde_json::Map<String, serde_json::Value> = contents
        .into_iter()
        .map(|(mime, text)| {
            let value = value(&mime, text);
            (mime, value)
        })
        .collect();
    let typed = serde_json::from_value(data.clone().into());
    // A type that the library knows, and finds broken, is for the front end to judge.
    typed.unwrap_or_else(|_| Media::new(data.into_iter().map(MediaType::Other).collect()))
}

/// A trouble as Jupyter shows it.
fn error(trouble: &Trouble, lang: Lang) -> ReplyError {
    let (ename, text) = match trouble {
        Trouble::Sentence(sentence) => {
            let label = lang.pick("error:", "错误：").red();
            ("Error", format!("{label} {sentence}"))
        }
        Trouble::Errors(text) => ("CompileError", text.clone()),
        Trouble::Stopped(sentence) => ("Stopped", sentence.yellow().to_string()),
    };
    let bare = match trouble {
        Trouble::Sentence(sentence) | Trouble::Stopped(sentence) => sentence.clone(),
        Trouble::Errors(text) => without_colour(text),
    };
    ReplyError {
        ename: ename.to_string(),
        evalue: bare.lines().next().unwrap_or_default().to_string(),
        traceback: text.lines().map(str::to_string).collect(),
    }
}

/// The process that started this one.
struct Parent {
    #[cfg(unix)]
    id: libc::pid_t,
    /// Whether Jupyter says that it watches over its kernels.
    #[cfg(unix)]
    watched: Option<libc::pid_t>,
}

impl Parent {
    fn now() -> Parent {
        Parent {
            #[cfg(unix)]
            // SAFETY: no pointers are involved.
            id: unsafe { libc::getppid() },
            #[cfg(unix)]
            watched: std::env::var("JPY_PARENT_PID")
                .ok()
                .and_then(|id| id.parse().ok()),
        }
    }

    /// Whether Jupyter has died: nobody will ever ask this kernel again.
    fn is_gone(&self) -> bool {
        #[cfg(unix)]
        // SAFETY: signal 0 only asks whether the process exists.
        let gone = self.watched.is_some_and(|watched| unsafe {
            let dead = libc::kill(watched, 0) != 0
                && std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
            dead || libc::getppid() != self.id
        });
        #[cfg(not(unix))]
        let gone = false;
        gone
    }
}
