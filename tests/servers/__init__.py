"""Real servers for tests and benchmarks: started at first use, on free ports, over a temporary folder, once a test run.

`Server` is what they share (process.py), `class_path` gets a Java server's jars by Maven (jars.py), one module a server
says how it is configured and when it is ready, fixtures.py gives them to tests. A new server is a subclass of `Server`
and a fixture of three lines.
"""
