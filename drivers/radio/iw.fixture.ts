/** What iw printed. */

/** iw 5.19 on Debian 12, of virtual radios (mac80211_hwsim); the last one as of a laptop's adapter with P2P. */
export const DEV = `phy#2
	Interface wlan2
		ifindex 4
		wdev 0x200000001
		addr 02:00:00:00:02:00
		type monitor
		channel 6 (2437 MHz), width: 20 MHz (no HT), center1: 2437 MHz
		txpower 20.00 dBm
phy#1
	Interface wlan1
		ifindex 3
		wdev 0x100000001
		addr 02:00:00:00:01:00
		type managed
		txpower 0.00 dBm
		multicast TXQ:
			qsz-byt	qsz-pkt	flows	drops	marks	overlmt	hashcol	tx-bytes	tx-packets
			0	0	0	0	0	0	0	0		0
phy#0
	Unnamed/non-netdev interface
		wdev 0x2
		addr 02:00:00:00:00:01
		type P2P-device
	Interface wlp3s0
		ifindex 5
		wdev 0x1
		addr 02:00:00:00:00:00
		ssid type monitor
		type managed
		channel 36 (5180 MHz), width: 80 MHz, center1: 5210 MHz
	Interface mesh0
		ifindex 6
		wdev 0x3
		addr 02:00:00:00:00:02
		type mesh point
`;

/** The same iw, shortened. */
export const PHY = `Wiphy phy0
	wiphy index: 0
	max # scan SSIDs: 4
	Supported Ciphers:
		* WEP40 (00-0f-ac:1)
	Available Antennas: TX 0 RX 0
	Supported interface modes:
		 * IBSS
		 * managed
		 * AP
		 * AP/VLAN
		 * monitor
		 * mesh point
		 * P2P-client
		 * P2P-GO
		 * P2P-device
	Band 1:
		Capabilities: 0x107e
		Bitrates (non-HT):
			* 1.0 Mbps
		Frequencies:
			* 2412 MHz [1] (20.0 dBm)
			* 2417 MHz [2] (20.0 dBm)
			* 2467 MHz [12] (20.0 dBm) (no IR)
			* 2484 MHz [14] (disabled)
	Band 2:
		Frequencies:
			* 5180 MHz [36] (20.0 dBm)
			* 5260 MHz [52] (20.0 dBm) (no IR, radar detection)
	Band 4:
		Frequencies:
			* 5955 MHz [1] (disabled)
			* 5975 MHz [5] (23.0 dBm)
	software interface modes (can always be added):
		 * AP/VLAN
		 * monitor
`;
