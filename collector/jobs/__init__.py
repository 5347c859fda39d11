"""The use cases, each an orchestration of rules, storage and the outside. No rule lives here."""
