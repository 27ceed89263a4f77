"""Ends calls with a status that programs can branch on."""

from google_rpc import error_details_pb2, status_pb2


def abort(context, code, domain, error):
    """Ends the call; `error` has a reason, which travels as details, and a message."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=domain)
    status = status_pb2.Status(code=code.value[0], message=error.message)
    status.details.add().Pack(info)
    context.set_trailing_metadata(
        (("grpc-status-details-bin", status.SerializeToString()),)
    )
    context.abort(code, error.message)
