"""What sources of other programs can have wrong: Hugging Face folders, WebDatasets, Iceberg snapshots."""
