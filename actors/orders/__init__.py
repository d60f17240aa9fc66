"""Orders: a commercetools order becomes an authorised Cin7 Core sale, once."""
