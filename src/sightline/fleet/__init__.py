"""A fleet: a coordinator, an agent on every machine, and the instances that these run.

Users say what they want (cameras, instances of DeepStream or of Sightline's own workers); the coordinator
keeps it in a database, decides which machine runs what, and tells each agent the whole of its part by one
message; an agent makes what runs equal to what it was last told, also with no network, and says how it goes.
What decides is pure (`coordinator.machine`, `agent.machine`, `placing`); what speaks to databases, brokers
and Docker is thin.

Deliberately not here: pages for people (`cockpit`), and pictures, packets and results, which go their own
way.
"""
