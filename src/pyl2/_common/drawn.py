"""What results share that can be drawn: ``plot``, on the display that is made for them."""

from __future__ import annotations

from typing import Any, ClassVar


class Drawn:
    """A result that a display of ``pyl2.plots`` draws."""

    _display: ClassVar[str]

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw it on its display of ``pyl2.plots``, which has more to choose.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default new ones.  Of several axes an array.
        **kwargs
            For the display's ``plot``.

        Returns
        -------
        display
            With the axes as ``ax_``.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        # Plots stand above all that they draw; this one step up waits until somebody asks for it.
        from pyl2 import plots

        display = getattr(plots, self._display)
        return display.from_results(self).plot(ax, **kwargs)
