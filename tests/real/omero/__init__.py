"""What a real OMERO.server and the real OMERO.web were seen to do, played again on any OMERO.

`make omero-replay` plays a file of scenarios: `__main__.py` is the command. `scenario.py` reads them, a driver of
`drivers.py` prepares each one, `calls.py` makes its calls over the wire with the service's own Ice client, and
`comparing.py` says what came out otherwise. Scenarios of HTTP requests go through the service itself: `requests.py`
asks them, `rules.py` judges the answers by the rules of docs/compatibility.md.
"""
