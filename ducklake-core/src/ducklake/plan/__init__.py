"""From configuration to plans: frozen data that says what a run will do. Touches no source, writes nothing."""
