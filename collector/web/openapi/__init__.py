"""The HTTP interface as a document for programs (OpenAPI) and as a page for people.

Apps and servers post sessions by it, platforms and providers post calls. The document is made
from the marshmallow schemas that check the requests, so that it cannot promise something else.
"""
