fn main() -> std::process::ExitCode {
    // evcxr runs learners' code in a child, which is this program again.
    #[cfg(feature = "repl")]
    evcxr::runtime_hook();
    llmlab::cli::main()
}
