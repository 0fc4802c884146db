"""DeepStream's configuration: read, judged, converted, generated, on a machine without a GPU."""
