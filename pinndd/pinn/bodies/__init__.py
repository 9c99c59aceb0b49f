"""Hidden layers of PINNs, trained once per PDE and family: by variable projection, on the physics alone."""
