"""`tfgan-suite serve`: the development server."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "serve",
        help="serve exported models over REST and gRPC",
        description="A development server that speaks TensorFlow Serving's protocols.",
        epilog=arguments.examples(
            "tfgan-suite serve saved_models/digits",
            "tfgan-suite serve saved_models --rest-port 9001 --grpc-port 9000",
        ),
    )
    parser.add_argument("directory", help="saved_models/NAME, or a directory of such directories")
    parser.add_argument("--rest-port", type=arguments.natural_int, default=8501, help="0: any free one (default 8501)")
    parser.add_argument("--grpc-port", type=arguments.natural_int, default=8500, help="0: any free one (default 8500)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; by default this machine alone")
    parser.add_argument("--model-name", help="name to serve a single model by, or which of several")
    return parser


def run(args):
    from tfgan_suite.serving.server import serve

    serve(
        args.directory,
        rest_port=args.rest_port,
        grpc_port=args.grpc_port,
        host=args.host,
        model_name=args.model_name,
    )
