"""Usage: consumer.py HOST PORT FILE - stores each message once in an SQLite file, and acknowledges after the commit."""
import hashlib, json, sqlite3, sys
import paho.mqtt.client as mqtt

db = sqlite3.connect(sys.argv[3])
db.execute("CREATE TABLE IF NOT EXISTS message (source TEXT, id TEXT, digest BLOB, body BLOB, PRIMARY KEY (source, id))")

def on_connect(client, *_):
    client.subscribe("ff/v1/+/+/up/batch", qos=1)

def on_message(client, userdata, message):
    try:
        event = json.loads(message.payload)
        source, sequence = event["source"], int(event["id"])
        gateway, epoch = source.rsplit("/", 1)
        assert message.topic == "ff/v1" + gateway.removeprefix("/ff") + "/up/batch"  # nobody writes for another
    except Exception as error:
        return print("cannot be answered:", message.topic, repr(error), file=sys.stderr)
    key, digest = (source, event["id"]), hashlib.sha256(message.payload).digest()
    with db:  # ends in a commit, before the acknowledgement
        db.execute("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?)", (*key, digest, message.payload))
    same = db.execute("SELECT digest FROM message WHERE source = ? AND id = ?", key).fetchone()[0] == digest
    conflict = {"seq": sequence, "code": "conflict", "message": "other bytes are stored under this source and id"}
    ack = {"epoch": epoch, "ok": [sequence] if same else [], "rejected": [] if same else [conflict]}
    client.publish(message.topic.replace("/up/batch", "/down/ack"), json.dumps(ack), qos=1)

client = mqtt.Client(*([mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []))
client.on_connect, client.on_message = on_connect, on_message
client.connect(sys.argv[1], int(sys.argv[2]))
client.loop_forever()
