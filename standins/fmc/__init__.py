"""A stand-in for a Management Center: an eStreamer server that serves events, misbehaves on demand and is strict.

    archive = Archive.generated(1000)
    with FmcServer(archive, behaviour=Behaviour(style="bundles", faults=(Fault("rst", "payload", 500),))) as server:
        ...                                      # a client with server.pkcs12() connects to server.port
        server.wait_for(lambda server: server.events >= 500)
        archive.append(EventGenerator(1).event(1000))
    server.assert_clean()

- `pki`: its CA and all that it issued, faulty certificates and old PKCS#12 formats included.
- `events`, `archive`: events made from the samples, and what a server has of them.
- `behaviour`: every reading of the protocol and every misbehaviour, as data; `delivery` turns it into bytes.
- `strict`: what a client may send.
- `server`: the server itself; `tools/run.sh standins.fmc --help` runs it as a process of its own.
- `raw_client`: a plain client for the tests of the stand-in.
"""
