"""Live sessions in programs of others: LiveKit Agents and Pipecat."""
