#!/usr/bin/env python3
"""Reads a mail with Python's email package and prints what is in it as JSON.

    read_mail.py FILE.eml

subject, from, to, message_id, date; every part with content type, disposition, content id, file
name, size of the decoded bytes and their sha256, text (of text parts); `cids` and `cids_used`: the
content ids that exist, and those that the HTML asks for; `defects`: what the parser complained of.
"""

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
