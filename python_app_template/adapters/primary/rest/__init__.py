"""Orders and stock over HTTP, by the contract's section 9. YOURS."""
