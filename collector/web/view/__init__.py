"""Pure views: values of `muster.ports` to what templates show. No server, no clock, no store."""
