"""Reads a mail from stdin with Python's own parser and prints what a reader would see, as JSON."""

import email
import email.policy
import hashlib
import json
import sys

raw = sys.stdin.buffer.read()
mail = email.message_from_bytes(raw, policy=email.policy.default)


def part_of(part):
    content = part.get_payload(decode=True)
    return {
        "type": part.get_content_type(),
        "file_name": part.get_filename(),
        "content_id": part["Content-ID"],
        "disposition": part.get_content_disposition(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def tree(part):
    if part.is_multipart():
        return [part.get_content_type()] + [tree(inner) for inner in part.iter_parts()]
    return part.get_content_type()


text = mail.get_body(("plain",))
html = mail.get_body(("html",))
print(json.dumps({
    "defects": [repr(defect) for part in mail.walk() for defect in part.defects],
    "subject": mail["Subject"],
    "from": [[a.display_name, a.addr_spec] for a in mail["From"].addresses],
    "to": [[a.display_name, a.addr_spec] for a in mail["To"].addresses],
    "reply_to": [[a.display_name, a.addr_spec] for a in mail["Reply-To"].addresses] if mail["Reply-To"] else None,
    "message_id": mail["Message-ID"],
    "date": mail["Date"].datetime.isoformat(),
    "auto_submitted": mail["Auto-Submitted"],
    "edition": mail["X-Duban-Edition"],
    "tree": tree(mail),
    "text": text.get_content(),
    "text_charset": text.get_content_charset(),
    "html": html.get_content(),
    "html_charset": html.get_content_charset(),
    "inline": [part_of(p) for p in mail.walk() if p["Content-ID"]],
    "attachments": [part_of(p) for p in mail.iter_attachments()],
    "longest_line": max(len(line) for line in raw.split(b"\r\n")),
    "lone_line_ends": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
    "ascii": raw.isascii(),
}, ensure_ascii=False))
