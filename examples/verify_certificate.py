"""verify_certificate.py FILE [--project HEX]: verifies a bzzz decision certificate offline, as docs/protocol.md says."""
import base64, collections, hashlib, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # from the package cryptography
class Array(list): raw = b""  # an array that keeps its encoding: hashes and signatures are over slices of the file
def check(ok, why): return ok or sys.exit(f"the certificate does not hold: {why}")
def item(b, at):  # one item of deterministic CBOR (RFC 8949, 4.2.1): number, bytes, text, array, false, true or null
    start, major, n, at, array = at, b[at] >> 5, b[at] & 31, at + 1, Array()
    if b[start] in b"\xf4\xf5\xf6": return (False, True, None)[b[start] - 0xF4], at
    size, least = (1 << n - 24, max(24, 1 << 4 * (1 << n - 24))) if n > 23 else (0, 0)
    if size: n, at = int.from_bytes(b[at:at + size], "big"), at + size
    check(least <= n and size <= 8 and major in (0, 2, 3, 4) and at + (n if major else 0) <= len(b), "its CBOR is another")
    if major < 4: return (b[at:at + n] if major == 2 else b[at:at + n].decode(), at + n) if major else (n, at)
    for _ in range(n): value, at = item(b, at); array.append(value)
    array.raw = b[start:at]; return array, at
def read(b): check(item(b, 0)[1] == len(b), "something follows its end"); return item(b, 0)[0]
def digest(context, b): return hashlib.sha256(b"bzzz/" + context + b"/v1\0" + b).digest()
def verify(context, key, b, sig): Ed25519PublicKey.from_public_bytes(key).verify(sig, b"bzzz/" + context + b"/v1\0" + b)
def event(b, its_kind):
    signed, signature = read(b); version, project, node, life, seq, prev, _, epoch, _, kind, body = read(signed)
    check((version, kind, seq == 0) == (1, its_kind, prev == bytes(32)), "an event has another form")
    verify(b"event", node, signed, signature); return project, epoch, node, life or seq, digest(b"event", signed), read(body)
def weights(roster): return {**dict.fromkeys(roster[3], 0), **{n: w * 1_000_000 // len(s) for _, w, s in roster[2] for n, _ in s}}
def quorum(roster, weight): check(weight * 3 > sum(weights(roster).values()) * 2, "no more than two thirds stand for it")
def certificate(b, pin):
    version, genesis, changes, opening, shown, proposal, choice, votes, receipts = read(b)
    zero, epoch, founder, place, project, (name, _, roster, _) = event(genesis, 1)
    check([version, zero, epoch, place, *roster[:2]] == [1, bytes(32), 0, 0, 0, bytes(32)], "its genesis is none")
    check(pin in ([], ["--project", project.hex()]) and founder in weights(roster), "it is another project's")
    for change in changes:  # what members sign is [project, hash of the roster, round]; the round stands between the two others
        after, _, sigs = change; turn = change.raw[1 + len(after.raw):-len(sigs.raw)]
        check(after[:2] == [roster[0] + 1, digest(b"roster", roster.raw)], "its rosters do not follow each other")
        for n, s in sigs: verify(b"roster-change", n, b"\x83X " + project + b"X " + digest(b"roster", after.raw) + turn, s)
        quorum(roster, sum(weights(roster)[n] for n in {n for n, _ in sigs})); roster = after
    where, epoch, author, _, its_hash, (thread, subject, its_roster, panel, _, vetoes) = event(proposal, 40)
    check([where, epoch, its_roster] == [project, roster[0], digest(b"roster", roster.raw)], "its proposal is another's")
    where, since, opener, _, opened, (_, _, _, what, asked, _, _, about) = event(opening, 20)
    check(shown is None or about == digest(b"subject", shown.raw), "what it shows of the change is another's")
    check([where, since, opened, what[0]] == [project, epoch, thread, subject] and opener in weights(roster), "its thread is none")
    for context, part in zip((b"endorsement", b"findings", b"final-vote", b"receipt"), (panel, vetoes, votes, receipts)):
        for said, by, signature in part: verify(context, by, said.raw, signature)
        once = len({by for _, by, _ in part}) == len(part) and all(said[:2] == [project, thread] for said, _, _ in part)
        check(part is panel or once, "somebody speaks twice, or of another thread")
    for s, node, _ in panel:  # the agent's own word: [project, node, id]
        n = 70 + len(s[2].encode()); verify(b"agent", s[1], b"\x83" + s.raw[1:35] + b"X " + node + s.raw[69:n + (n > 93)], s[8])
    agents, held = collections.Counter(node for _, node, _ in panel), weights(roster)
    voters = {seat[1]: held.get(node, 0) // agents[node] for seat, node, _ in panel if seat[0] == project}
    check(author in held and choice < 2 and len(voters) == len(panel), "its proposal or outcome does not hold")
    check(all(v[2:6] == [epoch, its_roster, subject, its_hash] and by in voters for v, by, _ in votes), "a vote is another's")
    check(all(by in held for _, by, _ in receipts) and all(v[4] is True for v, _, _ in vetoes), "a receipt or a veto is none")
    heard = {seat[3] for seat, _, _ in panel for v, by, _ in votes if by == seat[1] and v[6] < 2 and voters[by]}
    check(choice or heard >= {*asked}, "an asked role has no voter in it")
    quorum(roster, sum(voters[by] for v, by, _ in votes if v[6] == choice))
    security = {seat[1]: seat[2] for seat, _, _ in panel if seat[3] == "security"}
    lifts = {by: security[by] for v, by, _ in votes if by in security and v[6:] == [0, True]}
    check(choice or not vetoes or sum(map(voters.get, lifts)) * 2 > sum(map(voters.get, security)), "a veto stands")
    tally = "".join(f"\n{s[2]} {WORDS[v[6]]} ({voters[by]})" for s, _, _ in panel for v, by, _ in votes if by == s[1])
    tally += "".join(f"\nveto of {by.hex()}, lifted by {', '.join(lifts.values()) or 'nobody'}" for _, by, _ in vetoes)
    what = "a change that it does not show" if shown is None else f"the diff with SHA-256 {shown[1].hex()} (commit {shown[3]})"
    return f"holds, {'' if pin else 'not '}pinned: {name} ({project.hex()}) {WORDS[choice]} {what} in epoch {epoch}{tally}"
BEGIN, WORDS = "-----BEGIN BZZZ DECISION CERTIFICATE-----", ("approves", "requests changes", "abstains")
try: text = open((sys.argv + [""])[1], errors="replace").read(); begin = text.index(BEGIN) + len(BEGIN)
except (OSError, ValueError) as why: sys.exit(print(f"no certificate is there ({why}); usage: {__doc__}", file=sys.stderr) or 2)
try: print(certificate(base64.b64decode(text[begin:].split("-----END")[0]), sys.argv[2:]))
except Exception as why: sys.exit(f"the certificate does not hold: {why or type(why).__name__}")
