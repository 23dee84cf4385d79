"""The commands of `tfgan-suite`, one a file: `add_parser(subparsers)` describes it, `run(args)` calls the library."""
