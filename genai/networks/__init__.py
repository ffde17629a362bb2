"""Networks, one file each. A network is a plain torch module; what it is trained to do is its family's."""
