"""From raw recordings to records: decode, find and follow the speaker, crop, measure, filter, store."""
