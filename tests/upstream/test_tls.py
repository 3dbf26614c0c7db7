"""Whom the two kinds of context trust."""

import ssl

from headgate.upstream.tls import trusting, verifying


def test_verifying_checks_names_and_certificates() -> None:
    """The default."""
    context = verifying()
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_trusting_checks_nothing_but_still_encrypts() -> None:
    """Only where the operator says so."""
    context = trusting()
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_NONE
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
