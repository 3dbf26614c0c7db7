"""Whom we trust."""

import ssl

import certifi


def verifying() -> ssl.SSLContext:
    """Checks certificates and names against the system's authorities or, on a system that has none, certifi's."""
    context = ssl.create_default_context()
    known = ssl.get_default_verify_paths()
    if not any((known.cafile, known.capath)):
        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def trusting() -> ssl.SSLContext:
    """Encrypts, but believes whoever answers: for an origin whose operator has switched verification off."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
