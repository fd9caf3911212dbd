"""A mail server of another make (aiosmtpd) that behaves as a script tells it.

    smtp_server.py SCRIPT LOG

SCRIPT is JSON; every key may be left out:
    banner   the first line instead of 220; "silent": none ever comes
    replies  {"MAIL": [...], "RCPT": [...], "DATA": [...], "DOT": [...]}: the reply to the first, second, … of
             each (null, or none left: as usual); "DOT" is what comes after the final dot
    abort    "RCPT" | "DATA" | "content" | "DOT": the connection is torn down at that command, after the
             first piece of the content, or after the final dot, without a reply
    recipients {address: {"replies": [...], "abort": ...}}: for the mails to this address, the replies to the first,
             second, … RCPT ({"RCPT": [...]}) or final dot ({"DOT": [...]}), and the abort of the first of them
    cert, key, tls   files, and "starttls" or "implicit"
    login    [name, password] that is taken; any other is refused
    smtputf8 true if it is offered

Prints its port on stdout, writes what it saw to LOG as JSON lines, and ends when its stdin does.
"""

import asyncio
import base64
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

SCRIPT = json.loads(sys.argv[1])
LOG = open(sys.argv[2], "a", encoding="utf-8", buffering=1)
REPLIES = {command: list(lines) for command, lines in SCRIPT.get("replies", {}).items()}
RECIPIENTS = SCRIPT.get("recipients", {})


def saw(event, **facts):
    LOG.write(json.dumps({"event": event, **facts}) + "\n")


def scripted(command):
    lines = REPLIES.get(command)
    return lines.pop(0) if lines else None


def scripted_for(envelope, command, address=None):
    """The reply that the script has for this mail's recipient, or for all."""
    own = RECIPIENTS.get(address or (envelope.rcpt_tos or [None])[0], {})
    lines = own.get("replies", {}).get(command)
    return lines.pop(0) if lines else scripted(command)


def aborts(envelope, point, address=None):
    """Whether the connection is to be torn down here; once only for one that a recipient's script asks for."""
    own = RECIPIENTS.get(address or (envelope.rcpt_tos or [None])[0], {})
    if own.get("abort") == point:
        del own["abort"]
        return True
    return SCRIPT.get("abort") == point


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        saw("mail", address=address, options=options, tls=session.ssl is not None or IMPLICIT)
        reply = scripted("MAIL")
        if reply is None:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        saw("rcpt", address=address)
        if aborts(envelope, "RCPT", address):
            server.tear_down()
        reply = scripted_for(envelope, "RCPT", address)
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        content = base64.b64encode(envelope.original_content).decode()
        if aborts(envelope, "DOT"):
            saw("dot", content=content, to=envelope.rcpt_tos, reply=None)
            server.tear_down()
        reply = scripted_for(envelope, "DOT")
        saw("dot", content=content, to=envelope.rcpt_tos, reply=reply or "250")
        return reply or "250 2.0.0 taken as 4711"

    async def handle_QUIT(self, server, session, envelope):
        saw("quit")
        return "221 Bye"


class Scripted(SMTP):
    greeted = False

    def tear_down(self):
        self.transport.abort()
        raise ConnectionResetError("torn down by the script")

    async def push(self, status):
        if not self.greeted:
            self.greeted = True
            saw("connect")
            banner = SCRIPT.get("banner")
            if banner == "silent":
                await asyncio.Event().wait()
            if banner:
                await super().push(banner)
                self.transport.close()
                return
        await super().push(status)
        if isinstance(status, str) and status.startswith("354") and aborts(self.envelope, "content"):
            await self._reader.readexactly(1024)
            self.tear_down()

    async def smtp_DATA(self, arg):
        if aborts(self.envelope, "DATA"):
            self.tear_down()
        reply = scripted("DATA")
        if reply:
            await self.push(reply)
            return
        await super().smtp_DATA(arg)

    async def handle_exception(self, error):
        return "451 the script is wrong: " + repr(error)


def authenticate(server, session, envelope, mechanism, data):
    name, password = SCRIPT["login"]
    right = data.login == name.encode() and data.password == password.encode()
    saw("login", mechanism=mechanism, right=right)
    return AuthResult(success=right, handled=False)


def context():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(SCRIPT["cert"], SCRIPT["key"])
    return tls


IMPLICIT = SCRIPT.get("tls") == "implicit"


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, facts: saw("exception", text=str(facts.get("exception"))))

    def protocol():
        more = {}
        if SCRIPT.get("login"):
            more = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
        return Scripted(
            Handler(),
            hostname="mx.example.cn",
            enable_SMTPUTF8=SCRIPT.get("smtputf8", False),
            tls_context=context() if SCRIPT.get("tls") == "starttls" else None,
            require_starttls=SCRIPT.get("tls") == "starttls",
            loop=loop,
            **more,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context() if IMPLICIT else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


loop = asyncio.new_event_loop()
loop.run_until_complete(main())
# Connections that the script keeps waiting do not keep the process.
LOG.close()
os._exit(0)
