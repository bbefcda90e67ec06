select
    order_id,
    customer_id,
    cast(ordered_at as timestamp) as ordered_at,
    cast(discount_percent as integer) as discount_percent,
    status
from {{ source('raw', 'orders') }}
