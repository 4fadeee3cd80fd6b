fn main() -> std::process::ExitCode {
    // evcxr runs learners' code in a child, which is this program again.
    #[cfg(feature = "repl")]
    llmlab::cli::repl::runtime_hook();
    llmlab::cli::main()
}
