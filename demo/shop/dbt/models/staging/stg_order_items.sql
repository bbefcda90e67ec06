select
    order_id,
    product_id,
    cast(quantity as integer) as quantity,
    cast(unit_price as decimal(10, 2)) as unit_price,
    cast(quantity as integer) * cast(unit_price as decimal(10, 2)) as line_total
from {{ source('raw', 'order_items') }}
