"""One grant type a file: may this be exchanged, and for what? Pure: values and `now` in, a decision out."""
