"""Forms: one for every command, and those made by hand for what people do first."""
