//! `duban`: see the library's documentation.

fn main() -> std::process::ExitCode {
    duban::cli::main()
}
