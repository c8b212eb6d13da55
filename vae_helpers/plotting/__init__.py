"""Pictures, charts and maps: tensors in, `Figure` out; nothing here trains or saves."""

from .charts import plot_bars, plot_curves, plot_histograms, plot_history, plot_table
from .images import plot_images, show, tile_images
from .maps import plot_codes, plot_density, plot_image_grid
