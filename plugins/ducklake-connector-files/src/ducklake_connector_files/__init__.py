"""What connectors of files share: finding, naming and watching them."""
