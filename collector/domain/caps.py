"""How much is stored of one visitor, and of one visit: generous for whoever is real.

A beacon costs nothing to invent. Without these, one session or one user could be given any number
of keys and visits, and whatever looks at it would have to go through all of them.
"""

from __future__ import annotations

#: Match keys of one session. A directory shows another number on each page; a visit of a thousand
#: of its pages keeps the first five hundred.
MAX_KEYS_OF_SESSION = 500

#: Sessions of one user whose number is above this, besides those whose number is not. Twelve visits
#: a day make so many in the thirteen months of the tag's cookie.
MAX_SESSIONS_OF_USER = 5000
