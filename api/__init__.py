"""The shell: settings, routes, health, metrics and the command line. The only place that joins the parts."""
