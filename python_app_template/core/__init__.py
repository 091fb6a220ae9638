"""The core: what the service does, free of drivers, frameworks and IO."""
