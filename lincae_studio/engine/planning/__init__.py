"""What each chunk of a mix is made of, as pure functions of the session."""
