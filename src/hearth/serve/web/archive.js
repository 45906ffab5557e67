// Conversations in the browser's IndexedDB. All are held in memory, so that a search is a filter; a
// change is written through, and other tabs are told of it.

const NAME = "hearth";
const STORE = "conversations";

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
  return settled(request);
}

export class Archive {
  // `changed` is called when another tab changed something; `failed` with "quota" or "noStore".
  constructor({ changed, failed }) {
    this.all = new Map();
    this.failed = failed;
    this.channel = new BroadcastChannel(NAME);
    this.channel.onmessage = async ({ data }) => {
      await this.read(data.id);
      changed(data.id);
    };
  }

  async load() {
    try {
      this.database = await open();
      const found = await settled(this.store("readonly").getAll());
      for (const conversation of found) this.all.set(conversation.id, conversation);
    } catch {
      this.failed("noStore");
    }
  }

  store(mode) {
    return this.database.transaction(STORE, mode).objectStore(STORE);
  }

  async read(id) {
    const found = await settled(this.store("readonly").get(id));
    if (found) this.all.set(id, found);
    else this.all.delete(id);
  }

  // The latest first.
  list() {
    return [...this.all.values()].sort((a, b) => b.updated - a.updated);
  }

  get(id) {
    return this.all.get(id);
  }

  // Whether it is kept on disk.
  async save(conversation) {
    this.all.set(conversation.id, conversation);
    return this.write(conversation.id, (store) => store.put(conversation));
  }

  async remove(id) {
    this.all.delete(id);
    return this.write(id, (store) => store.delete(id));
  }

  // A write counts when its transaction is through: quota errors come as late as that.
  async write(id, work) {
    if (!this.database) return false;
    try {
      const store = this.store("readwrite");
      work(store);
      await new Promise((resolve, reject) => {
        store.transaction.oncomplete = resolve;
        store.transaction.onabort = () => reject(store.transaction.error);
      });
      this.channel.postMessage({ id });
      return true;
    } catch (error) {
      this.failed(error?.name === "QuotaExceededError" ? "quota" : "noStore");
      return false;
    }
  }
}
