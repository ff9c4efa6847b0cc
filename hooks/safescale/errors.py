"""From gRPC's status codes to CHRONOS's error tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chronos_plugin.errors import CloudFailed
from chronos_plugin.hooks.safescale.secrets import scrub

if TYPE_CHECKING:
    import grpc

_REASONS = {
    "NOT_FOUND": "absent",
    "ALREADY_EXISTS": "exists",
    "INVALID_ARGUMENT": "invalid",
    "OUT_OF_RANGE": "invalid",
    "UNAUTHENTICATED": "refused",
    "PERMISSION_DENIED": "refused",
    "UNIMPLEMENTED": "unsupported",
    "RESOURCE_EXHAUSTED": "quota",
    "UNAVAILABLE": "unreachable",
    "DEADLINE_EXCEEDED": "timeout",
    "ABORTED": "busy",
    "CANCELLED": "busy",
    "FAILED_PRECONDITION": "failed",
}
# The service loses codes of some errors (UNKNOWN, INTERNAL): then its words are all there is.
_WORDS = (
    ("already exists", "exists"),
    ("not found", "absent"),
    ("does not exist", "absent"),
    ("failed to find", "absent"),
    ("syntax error", "invalid"),
    ("quota", "quota"),
    ("timeout", "timeout"),
)
_TENANT_WORDS = ("no tenant set", "no tenant is set", "not found in configuration")
_ADVICE = {
    "tenant": "name a tenant of the service in the connection",
    "unreachable": "check that safescaled runs and that the connection's host and port lead to it",
    "refused": "check the service's tenants file and the rights of its cloud account",
    "quota": "free resources in the cloud, or raise its limits",
}


def translate(error: grpc.aio.AioRpcError, what: str) -> CloudFailed:
    """Return the error that says what failed, why, and what to do; secrets in the server's words are hidden.

    Args:
        error: What the call raised.
        what: The call, in words that a user understands (``HostService.Create of h1``).
    """
    code = error.code().name
    details = scrub((error.details() or "").strip())
    reason = _reason(code, details.lower())
    parts = [f"SafeScale, {what}: {details or code}"]
    if details and code not in details:
        parts.append(f"({code})")
    text = " ".join(parts)
    if advice := _ADVICE.get(reason):
        text += f". What to do: {advice}"
    return CloudFailed(text, reason=reason)


def _reason(code: str, words: str) -> str:
    # "no tenant set" comes as NOT_FOUND and must not be read as "the host does not exist".
    if any(word in words for word in _TENANT_WORDS) or ("tenant" in words and code == "NOT_FOUND"):
        return "tenant"
    if code in ("UNKNOWN", "INTERNAL"):
        return next((reason for word, reason in _WORDS if word in words), "failed")
    return _REASONS.get(code, "failed")
