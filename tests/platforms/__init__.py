"""Records of the call platforms, made from the examples that the platforms' own documents give.

Numbers and names are invented. A file is named by its preset; ``webhook`` is the body of a
request, or its query.
"""
