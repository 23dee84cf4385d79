"""`tfgan-suite serve`: the development server."""

import argparse

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "serve",
        help="serve exported models over REST and gRPC",
        description="Start a development server that speaks TensorFlow Serving's protocols.",
        epilog=arguments.examples(
            "tfgan-suite serve saved_models/digits",
            "tfgan-suite serve saved_models --rest-port 9001 --grpc-port 9000",
        ),
    )
    parser.add_argument("directory", help="saved_models/NAME, or a directory of such directories")
    parser.add_argument(
        "--rest-port", type=arguments.natural_int, default=8501, help="0 for any free port (default 8501)"
    )
    parser.add_argument(
        "--grpc-port", type=arguments.natural_int, default=8500, help="0 for any free port (default 8500)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1, this machine only)"
    )
    parser.add_argument("--model-name", help="name under which to serve a single model, or which of several to serve")
    parser.add_argument(
        "--poll-seconds",
        type=arguments.natural_float,
        default=1.0,
        help="seconds between looks for new versions; 0 for never (default 1)",
    )
    parser.add_argument(
        "--cors",
        action="store_true",
        help="let pages of any site use REST from a browser (cross-origin resource sharing)",
    )
    batching = parser.add_argument_group("batching", "requests that wait at the same time share one call of the model")
    batching.add_argument(
        "--batching", action=argparse.BooleanOptionalAction, default=True, help="whether to batch requests (default on)"
    )
    batching.add_argument(
        "--max-batch-images",
        type=arguments.positive_int,
        default=32,
        help="maximum number of examples in a call (default 32)",
    )
    batching.add_argument(
        "--max-delay-seconds",
        type=arguments.natural_float,
        default=0.0,
        help="how long a call waits for more requests before it starts (default 0)",
    )
    return parser


def run(args):
    from tfgan_suite.serving.dynamic_batching import DynamicBatching
    from tfgan_suite.serving.server import serve

    serve(
        args.directory,
        rest_port=args.rest_port,
        grpc_port=args.grpc_port,
        host=args.host,
        model_name=args.model_name,
        batching=DynamicBatching(args.max_batch_images, args.max_delay_seconds) if args.batching else None,
        poll_seconds=args.poll_seconds,
        cors=args.cors,
    )
