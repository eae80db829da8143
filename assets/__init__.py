"""The asset graph, thin: raw -> staged -> master -> conformed -> published."""
