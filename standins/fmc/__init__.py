"""A stand-in for a Management Center: an eStreamer server that sends events, misbehaves on demand and is strict.

    archive = Archive.generated(1000)
    with FmcServer(archive, behaviour=Behaviour(style="bundles", faults=(Fault("rst", "payload", 500),))) as server:
        ...                                      # a client with server.pkcs12() connects to server.port
        server.wait_for(lambda server: server.events >= 500)
        archive.append(EventGenerator(1).event(1000))
    server.assert_clean()

- `pki`: its CA and all certificates that it issued, including faulty certificates and old PKCS#12 formats.
- `events`, `archive`: events made from the samples, and the records that a server keeps.
- `behaviour`: every reading of the protocol and every misbehaviour, as data; `delivery` turns it into bytes.
- `strict`: the rules for what a client may send.
- `server`: the server itself; `tools/run.sh standins.fmc --help` runs it as a process of its own.
- `raw_client`: a plain client for the tests of the stand-in.
"""
