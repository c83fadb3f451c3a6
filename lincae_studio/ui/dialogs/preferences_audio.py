"""The audio page of the preferences: output device, level and a test tone. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.sinks import outputs
from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.following_slider import FollowingSlider

_BUFFERS = (0, 128, 256, 512, 1024, 2048, 4096)

#: Lowest level of the slider, in dB.
_LOWEST_DB = -60


class AudioPage(QWidget):
    """Host API, device, buffer size, output level and test tone. Devices are identified by name."""

    def __init__(self, store: PreferenceStore, transport: Transport, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self._transport = transport
        self._found: dict[str, list[str]] = {}
        self.host = QComboBox(self)
        self.host.setAccessibleName("Host API")
        self.device = QComboBox(self)
        self.device.setAccessibleName("Output device")
        self.buffer = QComboBox(self)
        self.buffer.setAccessibleName("Buffer size")
        for frames in _BUFFERS:
            self.buffer.addItem(f"{frames} frames" if frames else "Device default", frames)
        self.level = FollowingSlider(self, default=0)
        self.level.setAccessibleName("Output level")
        self.level.setRange(_LOWEST_DB, 0)
        self.level_text = QLabel(self)
        self.level_text.setFixedWidth(60)
        self.rescan = QPushButton("&Rescan", self)
        self.rescan.setToolTip("Search for newly connected devices")
        self.tone = QPushButton("&Test Tone", self)
        self.tone.setToolTip("One second of 440 Hz at −20 dBFS on the left, then on the right")
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        theme.dim(self.message)
        level = QHBoxLayout()
        level.addWidget(self.level, 1)
        level.addWidget(self.level_text)
        buttons = QHBoxLayout()
        buttons.addWidget(self.rescan)
        buttons.addWidget(self.tone)
        buttons.addStretch(1)
        layout = QFormLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setVerticalSpacing(10)
        layout.addRow("&Host API", self.host)
        layout.addRow("&Device", self.device)
        layout.addRow("&Buffer", self.buffer)
        layout.addRow("Output level", level)
        layout.addRow("", buttons)
        layout.addRow("", self.message)
        self.host.activated.connect(self._on_host_chosen)
        self.device.activated.connect(lambda: store.set(audio_device=self.device.currentData()))
        self.buffer.activated.connect(lambda: store.set(audio_buffer=self.buffer.currentData()))
        self.level.valueChanged.connect(self._on_level)
        self.rescan.clicked.connect(lambda: self.list_devices(rescan=True))
        self.tone.clicked.connect(self._on_tone)
        transport.playing_changed.connect(self._show_state)
        self._show()
        self.list_devices(rescan=False)

    def list_devices(self, rescan: bool) -> None:
        """List the devices; `rescan` stops playback, since PortAudio must be restarted to find new devices."""
        if rescan:
            self._transport.silence()
        try:
            self._found = outputs(rescan)
            self._show_state()
        except AudioDeviceError as error:
            self._found = {}
            self.message.setText(shown(str(error)))
        self._list()

    def _show(self) -> None:
        chosen = self._store.value
        self.buffer.setCurrentIndex(max(0, self.buffer.findData(chosen.audio_buffer)))
        self.level.setValue(round(chosen.output_level_db))
        self.level_text.setText(f"{chosen.output_level_db:.0f} dB")

    def _list(self) -> None:
        """Fill the lists; a chosen device that is not connected stays in them, marked as such."""
        chosen = self._store.value
        self.host.clear()
        self.host.addItem("System default", "")
        for name in self._found:
            self.host.addItem(name, name)
        if chosen.audio_host and chosen.audio_host not in self._found:
            self.host.addItem(f"{chosen.audio_host} (not available)", chosen.audio_host)
        self.host.setCurrentIndex(self.host.findData(chosen.audio_host))
        self.device.clear()
        self.device.addItem("Default device", "")
        hosts = [chosen.audio_host] if chosen.audio_host else list(self._found)
        names = [name for host in hosts for name in self._found.get(host, [])]
        for name in dict.fromkeys(names):
            self.device.addItem(name, name)
        if chosen.audio_device and chosen.audio_device not in names:
            self.device.addItem(f"{chosen.audio_device} (not available)", chosen.audio_device)
        self.device.setCurrentIndex(self.device.findData(chosen.audio_device))

    def _on_host_chosen(self) -> None:
        self._store.set(audio_host=self.host.currentData(), audio_device="")
        self._list()

    def _on_level(self, level_db: int) -> None:
        self.level_text.setText(f"{level_db} dB")
        self._store.set(output_level_db=float(level_db))

    def _on_tone(self) -> None:
        problem = self._transport.play_test_tone()
        if problem is not None:
            self.message.setText(shown(str(problem)))

    def _show_state(self) -> None:
        player = self._transport.player
        if player.output_name is not None:
            self.message.setText(shown(f"Playing through {player.output_name}."))
        elif not self._found:
            self.message.setText("No audio device was found. The playhead moves without sound.")
        else:
            dropouts = f" {count_of(player.heard_dropouts, 'dropout')} so far." if player.heard_dropouts else ""
            self.message.setText(f"Changes take effect when playback starts.{dropouts}")
