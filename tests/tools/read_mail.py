#!/usr/bin/env python3
"""Reads a mail with Python's email package and prints what is in it as JSON.

    read_mail.py FILE.eml

subject, from, to, message_id, date; every part with content type, disposition, content id, file
name, size of the decoded bytes and their sha256, text (of text parts); `cids` and `cids_used`: the
content ids that exist, and those that the HTML asks for; `defects`: what the parser complained of.
"""
"""Reads a mail from stdin with Python's own parser and prints what a reader would see, as JSON."""

import email
import email.policy
import hashlib
import json
import re
import sys


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    with open(sys.argv[1], "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    parts, used = [], []
    defects = [f"{type(d).__name__}: {d}" for d in message.defects]
    for part in message.walk():
        defects += [f"{type(d).__name__}: {d}" for d in part.defects if part is not message]
        one = {"content_type": part.get_content_type(),
               "disposition": part.get_content_disposition(),
               "content_id": (part["Content-ID"] or "").strip("<> ") or None,
               "file_name": part.get_filename()}
        if part.is_multipart():
            one["parts"] = len(part.get_payload())
        else:
            data = part.get_payload(decode=True) or b""
            one |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                    "encoding": part["Content-Transfer-Encoding"],
                    "magic": data[:8].decode("latin-1")}
            if part.get_content_maintype() == "text" and one["disposition"] != "attachment":
                one["charset"] = part.get_content_charset()
                one["text"] = part.get_content()
                if one["content_type"] == "text/html":
                    used += re.findall(r"cid:([^\"')\s>]+)", one["text"])
                    images = re.findall(r"<img\b[^>]*>", one["text"])
                    one["images"] = len(images)
                    one["images_without_alt"] = sum(" alt=" not in image for image in images)
        parts.append(one)
    addresses = lambda name: [
        {"name": a.display_name, "address": a.addr_spec}
        for header in message.get_all(name, []) for a in header.addresses]
    json.dump({"subject": message["Subject"], "from": addresses("From"), "to": addresses("To"),
               "cc": addresses("Cc"), "message_id": message["Message-ID"], "date": message["Date"],
               "headers": message.keys(), "parts": parts,
               "cids": [p["content_id"] for p in parts if p["content_id"]],
               "cids_used": sorted(set(used)), "defects": defects},
              sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
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
