"""Citations of a text block. Each keeps its wire form; a web source is also readable by other protocols.

Anthropic cites for a whole text block, so `Citation.start` and `end` stay None: the part is what is cited.
"""

from headgate.canonical.parts import Citation
from headgate.protocols.anthropic_messages.wire import Obj, bag, optional, own


def decode_citation(obj: Obj, where: str) -> Citation:
    title = optional(obj, "title", str, where) or optional(obj, "document_title", str, where)
    url = optional(obj, "url", str, where)
    # A web citation without its encrypted index was made by us from another vendor's and means nothing upstream.
    native = obj.get("type") != "web_search_result_location" or bool(obj.get("encrypted_index"))
    return Citation(
        url=url,
        title=title,
        cited_text=optional(obj, "cited_text", str, where),
        provider_data=bag(obj) if native else {},
    )


def encode_citation(citation: Citation) -> Obj | None:
    """For an answer to a client. A source without an address has no form here unless it came from Anthropic."""
    whole = own(citation.provider_data)
    if whole:
        return dict(whole)
    if citation.url is None:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text or "",
        "encrypted_index": "",
    }


def return_citation(citation: Citation) -> Obj | None:
    """For a request to Anthropic, which knows only its own citations."""
    whole = own(citation.provider_data)
    return dict(whole) if whole else None
