"""What seehear is made with: locked versions, their licences, their advisories; no part of it."""
