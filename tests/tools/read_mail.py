#!/usr/bin/env python3
"""Reads a mail with Python's email package and prints what is in it as JSON.

    read_mail.py FILE.eml        or - for stdin

subject, from, to, message_id, date; every part with content type, disposition, content id, file
name, size of the decoded bytes and their sha256, text (of text parts); `cids` and `cids_used`: the
content ids that exist, and those that the HTML asks for; `defects`: what the parser complained of.
What a reader would be shown: `text` and `html` with their charsets, `inline`, `attachments`; how the parts
are nested: `tree`; what servers on the way would see: `longest_line`, `lone_line_ends`, `ascii`.
"""

import email
import email.policy
import hashlib
import json
import re
import sys


def tree(part):
    if part.is_multipart():
        return [part.get_content_type()] + [tree(inner) for inner in part.iter_parts()]
    return part.get_content_type()


def shown(part):
    return {"type": part.get_content_type(),
            "file_name": part.get_filename(),
            "content_id": part["Content-ID"],
            "disposition": part.get_content_disposition(),
            "sha256": hashlib.sha256(part.get_payload(decode=True)).hexdigest()}


def body(message, kind):
    found = message.get_body((kind,))
    return (found.get_content(), found.get_content_charset()) if found else (None, None)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    if sys.argv[1] == "-":
        raw = sys.stdin.buffer.read()
    else:
        with open(sys.argv[1], "rb") as file:
            raw = file.read()
    message = email.message_from_bytes(raw, policy=email.policy.default)
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
    (text, text_charset), (html, html_charset) = body(message, "plain"), body(message, "html")
    joined = raw.replace(b"\r\n", b"")
    json.dump({"subject": message["Subject"], "from": addresses("From"), "to": addresses("To"),
               "cc": addresses("Cc"), "reply_to": addresses("Reply-To"),
               "message_id": message["Message-ID"], "date": message["Date"],
               "instant": message["Date"].datetime.isoformat() if message["Date"] else None,
               "auto_submitted": message["Auto-Submitted"], "edition": message["X-Duban-Edition"],
               "tree": tree(message), "text": text, "text_charset": text_charset,
               "html": html, "html_charset": html_charset,
               "inline": [shown(part) for part in message.walk() if part["Content-ID"]],
               "attachments": [shown(part) for part in message.iter_attachments()],
               "longest_line": max(len(line) for line in raw.split(b"\r\n")),
               "lone_line_ends": joined.count(b"\n") + joined.count(b"\r"),
               "ascii": raw.isascii(),
               "headers": message.keys(), "parts": parts,
               "cids": [p["content_id"] for p in parts if p["content_id"]],
               "cids_used": sorted(set(used)), "defects": defects},
              sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
