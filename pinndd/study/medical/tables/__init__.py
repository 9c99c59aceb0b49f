"""Tables of hospitals as a stated task, from a TOML file: declared, read, asked, distilled and kept with a data card."""
