"""Write what the shop's source systems hold on one day.

The whole history is drawn from one seed, in order of time, so a later day holds what an earlier one held. Tables are
CSV files, the click stream is Parquet. Tuesday's ``order_items.csv`` has one price with a decimal comma: the marts of
that day cannot be built. On Thursday a status appears that no test expects.
"""

import argparse
import csv
import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FIRST_DAY = dt.date(2026, 1, 5)
LAST_DAY = dt.date(2026, 3, 5)
COMMA_DAY = dt.date(2026, 3, 3)
EXCHANGE_DAY = dt.date(2026, 3, 5)
DAYS_TO_CLOSE = 10

CATEGORIES = {"kettles": 3900, "lamps": 5400, "shoes": 7900, "shirts": 2900, "books": 1800, "plants": 1400}
RETURN_RATE = {"kettles": 0.06, "lamps": 0.10, "shoes": 0.42, "shirts": 0.30, "books": 0.03, "plants": 0.05}
FIRST_NAMES = ["Ada", "Ben", "Chi", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ines", "Jon", "Kim", "Lea", "Max", "Nia"]
LAST_NAMES = ["Abel", "Berg", "Costa", "Diaz", "Ek", "Fox", "Gray", "Holm", "Ito", "Jung", "Kaya", "Lund", "Moss"]
COUNTRIES = ["AT", "BE", "DE", "DK", "NL"]


def history(seed: int) -> dict[str, list[dict]]:
    """Everything that ever happens in the shop, up to ``LAST_DAY``; each row carries the day it became known."""
    rng = random.Random(seed)
    products = [
        {
            "day": FIRST_DAY,
            "product_id": f"P{n:03}",
            "name": f"{category[:-1]} no. {n}",
            "category": category,
            "list_price": f"{base * rng.uniform(0.7, 1.4) / 100:.2f}",
        }
        for n, (category, base) in enumerate((list(CATEGORIES.items()) * 4), start=1)
    ]
    customers = []
    for n in range(1, 91):
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        customers.append(
            {
                "day": FIRST_DAY,
                "customer_id": f"C{n:04}",
                "full_name": f"{first} {last}",
                "email": f"{first}.{last}.{n}@example.org".lower(),
                "country": rng.choice(COUNTRIES),
                "signed_up_on": (FIRST_DAY - dt.timedelta(days=rng.randrange(400))).isoformat(),
            }
        )
    habit = {customer["customer_id"]: rng.betavariate(2, 4) for customer in customers}
    orders, items, clicks, receipts = [], [], [], []
    for offset in range((LAST_DAY - FIRST_DAY).days + 1):
        day = FIRST_DAY + dt.timedelta(days=offset)
        visitors = rng.sample(customers, 26)
        for position, customer in enumerate(visitors):
            customer_id = customer["customer_id"]
            start = dt.datetime.combine(day, dt.time(rng.randrange(7, 23), rng.randrange(60)), tzinfo=dt.UTC)
            buys = position < 12
            pages = rng.randrange(2, 7) + round(8 * habit[customer_id]) * buys
            moment = start
            for page in range(pages):
                name = "home" if page == 0 else "checkout" if buys and page == pages - 1 else "product"
                clicks.append({"day": day, "visitor_id": customer_id, "page": name, "at": moment})
                moment += dt.timedelta(seconds=rng.randrange(10, 240))
            if not buys:
                continue
            order_id = f"O{len(orders) + 1:05}"
            lines = rng.sample(products, rng.choice([1, 1, 2, 2, 3]))
            risk = max(RETURN_RATE[line["category"]] for line in lines)
            discount = rng.choice([0, 0, 0, 10, 20])
            returned = rng.random() < min(0.95, risk * 0.6 + habit[customer_id] * 0.7 + discount / 100 - 0.12)
            for line in lines:
                price = float(line["list_price"]) * (100 - discount) / 100
                quantity = rng.choice([1, 1, 1, 2])
                items.append(
                    {
                        "day": day,
                        "order_id": order_id,
                        "product_id": line["product_id"],
                        "quantity": quantity,
                        "unit_price": f"{price:.2f}",
                    }
                )
            orders.append(
                {
                    "day": day,
                    "order_id": order_id,
                    "customer_id": customer_id,
                    "ordered_at": moment.strftime("%Y-%m-%d %H:%M:%S"),
                    "discount_percent": discount,
                    "returned": returned,
                }
            )
        for _ in range(6):
            product = rng.choice(products)
            receipts.append(
                {
                    "day": day,
                    "store": rng.choice(["store_a", "store_b"]),
                    "receipt_id": f"R{len(receipts) + 1:05}",
                    "sold_on": day.isoformat(),
                    "product_id": product["product_id"],
                    "quantity": rng.choice([1, 1, 2]),
                    "unit_price": product["list_price"],
                }
            )
    return {
        "customers": customers,
        "products": products,
        "orders": orders,
        "order_items": items,
        "web_events": clicks,
        "receipts": receipts,
    }


def status(order: dict, day: dt.date) -> str:
    """An order is open for ten days, then it was kept or sent back."""
    if (day - order["day"]).days < DAYS_TO_CLOSE:
        return "open"
    if day >= EXCHANGE_DAY and order["returned"] and order["order_id"].endswith("7"):
        return "exchanged"
    return "returned" if order["returned"] else "delivered"


def write_csv(path: Path, rows: list[dict], columns: list[str]) -> None:
    """Write ``columns`` of ``rows``, with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write the files of ``--day`` below ``--home``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=20260302)
    options = parser.parse_args()
    raw = options.home / "raw"
    known = {name: [row for row in rows if row["day"] <= options.day] for name, rows in history(options.seed).items()}

    orders = [{**order, "status": status(order, options.day)} for order in known["orders"]]
    if options.day == COMMA_DAY:
        last = known["order_items"][-1]
        last["unit_price"] = last["unit_price"].replace(".", ",")
    write_csv(
        raw / "customers.csv", known["customers"], ["customer_id", "full_name", "email", "country", "signed_up_on"]
    )
    write_csv(raw / "products.csv", known["products"], ["product_id", "name", "category", "list_price"])
    write_csv(raw / "orders.csv", orders, ["order_id", "customer_id", "ordered_at", "discount_percent", "status"])
    write_csv(raw / "order_items.csv", known["order_items"], ["order_id", "product_id", "quantity", "unit_price"])
    for store in ("store_a", "store_b"):
        sold = [row for row in known["receipts"] if row["store"] == store]
        columns = ["receipt_id", "sold_on", "product_id", "quantity", "unit_price"]
        write_csv(raw / "tills" / f"{store}.csv", sold, columns)

    clicks = pa.table(
        {
            "visitor_id": pa.array([row["visitor_id"] for row in known["web_events"]]),
            "page": pa.array([row["page"] for row in known["web_events"]]),
            # Spark 3.5 reads no nanoseconds.
            "at": pa.array([row["at"] for row in known["web_events"]], type=pa.timestamp("us", tz="UTC")),
        }
    )
    (raw / "web_events").mkdir(exist_ok=True)
    pq.write_table(clicks, raw / "web_events" / "part-0.parquet")


if __name__ == "__main__":
    main()
