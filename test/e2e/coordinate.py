#!/usr/bin/python3
"""Calls a coordinator with the event OrderSubmitted as it is stored: coordinate.py SERVER WHAT COMPONENT [CORRELATION_ID].

The messages are those that the examples in Python are built with.
"""

import os
import sys

sys.path.insert(0, os.path.join("build", "gen", "python"))

import grpc  # noqa: E402
from angzarr_v1 import (  # noqa: E402
    process_manager_pb2_grpc,  # noqa: F401
    projector_pb2,
    projector_pb2_grpc,
    query_pb2,
    query_pb2_grpc,
    saga_pb2,
    saga_pb2_grpc,
    types_pb2,
)


def submitted(channel, correlation_id):
    """The book of the order's last event, as a saga is given it."""
    queries = query_pb2_grpc.EventQueryServiceStub(channel)
    query = query_pb2.Query(cover=types_pb2.Cover(correlation_id=correlation_id, domain="order"))
    book = queries.GetEventBook(query)
    page = next(page for page in book.pages if page.event.type_url.endswith("OrderSubmitted"))
    return types_pb2.EventBook(cover=book.cover, pages=[page], next_sequence=page.header.sequence + 1)


def show(answer):
    if isinstance(answer, saga_pb2.SagaResponse):
        print(f"{len(answer.commands)} commands")
        for command in answer.commands:
            header = command.pages[0].header
            print(command.cover.domain, f"source_component={header.angzarr_deferred.source_component}")
    else:
        print(f"projector={answer.projector}")


def main():
    server, what, component = sys.argv[1:4]
    correlation_id = sys.argv[4] if len(sys.argv) > 4 else "one"
    metadata = [("x-angzarr-component", component)]
    with grpc.insecure_channel(server) as channel:
        book = submitted(channel, correlation_id)
        sagas = saga_pb2_grpc.SagaCoordinatorServiceStub(channel)
        projectors = projector_pb2_grpc.ProjectorCoordinatorServiceStub(channel)
        request = saga_pb2.SagaHandleRequest(source=book)
        calls = {
            "execute-saga": lambda: sagas.Execute(request, metadata=metadata),
            "speculate-saga": lambda: sagas.ExecuteSpeculative(
                saga_pb2.SpeculateSagaRequest(request=request), metadata=metadata
            ),
            "project": lambda: projectors.HandleSync(
                types_pb2.EventRequest(events=book), metadata=metadata
            ),
            "speculate-project": lambda: projectors.HandleSpeculative(
                projector_pb2.SpeculateProjectorRequest(events=book), metadata=metadata
            ),
        }
        show(calls[what]())


main()
